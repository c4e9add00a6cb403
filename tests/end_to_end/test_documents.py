"""The examples of the documents give the output that is printed there."""

import pytest

from documents import differences
from support.paths import ROOT


@pytest.mark.parametrize("name", ["README.md", "docs/reconciliation.md", "docs/sql-reference.md"])
def test_the_output_in_a_document_is_the_real_one(name: str) -> None:
    assert not (found := differences(ROOT / name)), "\n".join(found)
