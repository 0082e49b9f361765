"""The one mailer: every mail of the product is a row first, written with the fact that it tells of.

``messages`` writes the rows, ``sender`` brings them to the mail server, ``recipients`` says who gets a workspace's.
"""
