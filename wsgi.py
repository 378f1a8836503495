"""The app for a server: ``granian --interface wsgi wsgi:app``."""

from charity import create_app
from charity.config import UnsafeSettings

try:
    app = create_app()
except UnsafeSettings as error:
    # Whoever starts it is to read one sentence, not where in the program it was written.
    raise SystemExit(f"Not started: {error}") from None
