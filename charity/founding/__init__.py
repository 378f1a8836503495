"""Setting an installation up, once: org, qualifications, funds, places, units, two administrators.

Stands above every feature, because it gathers their first acts. The plan is the same
whether it comes from a file, from questions at the command line or from the page.
"""
