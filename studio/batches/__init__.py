"""Batches out of a table: a CSV or XLSX file, of which each row is a video."""
