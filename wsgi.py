"""The app for a server: ``granian --interface wsgi wsgi:app``."""

from charity import create_app

app = create_app()
