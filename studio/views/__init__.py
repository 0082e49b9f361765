"""The dashboard's pages of videos, projects and uploads, a file for each page; fragments stand with their page."""
