"""Fixtures of the components' tests."""

from tests.s3 import bucket as bucket
from tests.s3 import s3_endpoint as s3_endpoint
