"""The phone's page behind a proxy of the test's."""

from typing import Any

import pytest

from tests.fixtures.site import Site
from tests.web.deliverer.proxy import Proxy


@pytest.fixture
def proxy(site: Site, page_server: tuple[str, Any]) -> Proxy:
    """Between the phone and the server."""
    assert site.url == page_server[0]
    current = page_server[1]
    current.app = Proxy(current.app)
    made: Proxy = current.app
    return made
