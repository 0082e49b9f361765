"""Terms, privacy notice and imprint: what they say now and have said, and who has accepted which.

``drafts/`` says what they are until whoever runs the service writes their own in the admin site.
"""
