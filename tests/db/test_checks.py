"""A database that may forget what it has committed is refused."""

import pytest

from vestnik.db import sql
from vestnik.db.checks import check_durability
from vestnik.stack.errors import StackError
from vestnik.stack.setup import refuse_forgetful_database

pytestmark = pytest.mark.django_db


def test_a_durable_database_is_fine():
    assert check_durability(databases=["default"]) == []
    refuse_forgetful_database()


def test_one_that_forgets_is_refused_by_name():
    sql.run("SET LOCAL synchronous_commit = off")
    (found,) = check_durability(databases=["default"])
    assert (found.id, "synchronous_commit" in found.msg) == ("dispatch.E001", True)
    with pytest.raises(StackError, match="synchronous_commit"):
        refuse_forgetful_database()


def test_without_a_database_to_check_nothing_is_said():
    assert check_durability() == []
