"""Fixtures of the core's tests."""

from tests.s3 import bucket as bucket
from tests.s3 import s3_endpoint as s3_endpoint
