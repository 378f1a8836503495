"""What a wheel carries; everything else about the package stands in pyproject.toml.

Templates, static files and migrations stand at the top of a checkout, where people look
for them, and inside the package in a wheel, where ``charity.config.resource_dir`` finds
them. Packages are found, not listed: one forgotten in a list would break only the wheel.
"""

from __future__ import annotations

from setuptools import find_packages, setup

RESOURCES = ("templates", "static", "migrations")

setup(
    packages=[*find_packages(include=["charity", "charity.*"]), *(f"charity.{name}" for name in RESOURCES)],
    package_dir={"charity": "charity", **{f"charity.{name}": name for name in RESOURCES}},
    package_data={"": ["**/*"]},
    exclude_package_data={"": ["**/__pycache__/*", "**/*.pyc", "**/*.po", "**/*.pot"]},
)
