"""The admin site: ``site`` itself, ``base`` of its pages, and the pages of the platform."""
