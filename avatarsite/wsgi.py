"""The site as a WSGI application, which ``manage.py web`` serves."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "avatarsite.settings")
application = get_wsgi_application()
