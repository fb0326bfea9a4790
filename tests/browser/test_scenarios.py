"""The client's browser build does in a page all that its other build does in node.

These are the tests of ``tests/interop``, with a browser in the place of node.
"""

from __future__ import annotations

import pytest

from tests.interop.test_calls import (
    test_a_call_brings_params,
    test_a_key_without_an_actor,
    test_actors_that_do_not_exist,
    test_an_undefined_argument_is_absent,
    test_create,
    test_errors_of_actions,
    test_get_or_create_get_and_get_for_id,
    test_keys,
)
from tests.interop.test_connections import (
    test_a_client_that_kicks_itself_loses_the_reply,
    test_a_client_that_leaves,
    test_a_hook_keeps_a_kicked_client_out,
    test_a_kicked_client_comes_back_at_once,
    test_a_login_that_breaks_down_tells_nothing,
    test_a_network_that_is_cut,
    test_a_refused_login,
    test_a_server_that_is_gone,
    test_a_server_that_restarts,
    test_events,
    test_every_call_gets_its_own_reply,
    test_listening_once_and_no_longer,
    test_params_make_the_connection_state,
    test_params_that_are_made_anew,
)

__all__ = [
    "test_a_call_brings_params",
    "test_a_client_that_kicks_itself_loses_the_reply",
    "test_a_client_that_leaves",
    "test_a_hook_keeps_a_kicked_client_out",
    "test_a_key_without_an_actor",
    "test_a_kicked_client_comes_back_at_once",
    "test_a_login_that_breaks_down_tells_nothing",
    "test_a_network_that_is_cut",
    "test_a_refused_login",
    "test_a_server_that_is_gone",
    "test_a_server_that_restarts",
    "test_actors_that_do_not_exist",
    "test_an_undefined_argument_is_absent",
    "test_create",
    "test_errors_of_actions",
    "test_events",
    "test_every_call_gets_its_own_reply",
    "test_get_or_create_get_and_get_for_id",
    "test_keys",
    "test_listening_once_and_no_longer",
    "test_params_make_the_connection_state",
    "test_params_that_are_made_anew",
]

pytestmark = pytest.mark.system
