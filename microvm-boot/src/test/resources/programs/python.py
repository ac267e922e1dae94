"""CPython's own tests of its integers, floats, math functions and digests; none that needs a network or gigabytes."""
import unittest
from test import support

support.use_resources = {}
names = ["test.test_int", "test.test_float", "test.test_math", "test.test_hashlib"]
unittest.main(None, argv=["python"] + names, verbosity=2)
