"""What all tests share."""

import pytest

pytest.importorskip("torch")
pytest.importorskip("tessera", exc_type=ImportError)
