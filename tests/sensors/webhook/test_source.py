from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from triphammer.sensors.errors import SourceError
from triphammer.sensors.webhook import github, shared, standard, webhook
from triphammer.sensors.webhook.verify import Verify


@dataclass(frozen=True)
class Reference:
    name: str


def test_a_source_names_path_and_secret_as_plain_data() -> None:
    source = webhook("/shop/orders/", verify=standard(Reference("OLD"), "NEW"))
    assert source.name == "shop/orders"
    assert source.options == {
        "path": "shop/orders",
        "verify": {"scheme": "standard", "secrets": ["OLD", "NEW"], "header": None},
    }
    assert source.match == {
        "source": ["triphammer/webhook/shop/orders"],
        "type": ["triphammer.webhook.received"],
    }
    assert source.text == 'webhook("shop/orders", verify=standard(secret("OLD"), secret("NEW")))'


def test_a_verifier_comes_back_from_its_options() -> None:
    verify = shared("A", header="X-Token")
    assert Verify.of(verify.options()) == verify
    assert str(verify) == 'shared(secret("A"), header="x-token")'


@pytest.mark.parametrize("path", ["", "/", "a//b", "a b", "a?b=1", "../a", "é", "{x}"])
def test_a_path_that_no_url_holds_is_refused(path: str) -> None:
    with pytest.raises(SourceError, match="a path is made of"):
        webhook(path)


@pytest.mark.parametrize("value", ["whsec_YWJj", "not a name", ""])
def test_a_secret_in_the_code_is_refused_and_not_repeated(value: str) -> None:
    with pytest.raises(SourceError, match="the name of a secret, not its value") as caught:
        github(value)
    assert not value or value not in str(caught.value)


def test_a_verifier_needs_a_secret_and_verify_a_verifier() -> None:
    with pytest.raises(SourceError, match="github\\(\\) needs a secret"):
        github()
    wrong: Any = "SECRET"
    with pytest.raises(SourceError, match="verify takes"):
        webhook("p", verify=wrong)
