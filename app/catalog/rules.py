"""How a product's written name is recognised (paper books, phone orders)."""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from uuid import UUID

_UNITS = (("毫升", "ml"), ("千克", "kg"), ("公斤", "kg"), ("克", "g"))
_NOISE = re.compile(r"[^\w.]|_|(?<!\d)\.|\.(?!\d)")
_MEASURES = re.compile(r"\d+(?:\.\d+)?[a-z]*")
_WORDS = re.compile(r"[^\W\d_a-z]+|[a-z]+")


@dataclass(frozen=True, slots=True)
class NamedProduct:
    """A product with everything it may be called."""

    product_id: UUID
    code: str
    names: tuple[str, ...]
    specification: str


@dataclass(frozen=True, slots=True)
class ProductMatch:
    """What a written name means: no product, one, or several to choose from."""

    candidates: tuple[UUID, ...]

    @property
    def product_id(self) -> UUID | None:
        """The product, when there is exactly one."""
        return self.candidates[0] if len(self.candidates) == 1 else None


def plain(text: str) -> str:
    """A name as it is compared: half-width, lower case, without spaces and punctuation."""
    return _NOISE.sub("", unicodedata.normalize("NFKC", text).casefold())


def plain_specification(text: str) -> str:
    """A specification as it is compared: like `plain`, with its units in Latin letters."""
    folded = plain(text)
    for written, unit in _UNITS:
        folded = folded.replace(written, unit)
    return folded


def specification_fits(written: str, specification: str) -> bool:
    """Whether a written specification says nothing that contradicts the product's.

    Its measures must be the product's ("195" fits "195ml 玻璃瓶", "95ml" does not), its words
    must occur there ("瓶" fits "玻璃瓶", "袋" does not).
    """
    asked, own = plain_specification(written), plain_specification(specification)
    measures = set(_MEASURES.findall(own))
    bare = {measure.rstrip("abcdefghijklmnopqrstuvwxyz") for measure in measures}
    for measure in _MEASURES.findall(asked):
        if measure not in measures and measure not in bare:
            return False
    return all(word in own for word in _WORDS.findall(_MEASURES.sub("", asked)))


class ProductNames:
    """The catalogue by name; finds what a written name means."""

    def __init__(self, products: Iterable[NamedProduct]) -> None:
        self._products = list(products)
        self._by_code: dict[str, set[UUID]] = defaultdict(set)
        self._by_name: dict[str, list[NamedProduct]] = defaultdict(list)
        for product in self._products:
            self._by_code[plain(product.code)].add(product.product_id)
            for name in {plain(name) for name in product.names}:
                self._by_name[name].append(product)

    def match(self, text: str, specification: str | None) -> ProductMatch:
        """By code; else by name or alias, alone or followed by a specification."""
        asked = plain(text)
        if not asked:
            return ProductMatch(())
        by_code = self._by_code.get(asked)
        if by_code:
            return _ordered(by_code)
        wanted = specification or ""
        named = {
            product.product_id
            for product in self._by_name.get(asked, ())
            if specification_fits(wanted, product.specification)
        }
        return _ordered(named or self._with_trailing_specification(asked, wanted))

    def _with_trailing_specification(self, asked: str, wanted: str) -> set[UUID]:
        return {
            product.product_id
            for name, products in self._by_name.items()
            if name and asked.startswith(name)
            for product in products
            if specification_fits(asked[len(name) :], product.specification)
            and specification_fits(wanted, product.specification)
        }


def _ordered(products: Collection[UUID]) -> ProductMatch:
    return ProductMatch(tuple(sorted(products)))
