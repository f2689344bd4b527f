"""The shipped contracts explain a failed assertion as a test module would."""

import pytest

pytest.register_assert_rewrite("imagemill.testing.contracts.object_store")
