"""The one list of domains: their tables, endpoints, jobs and reactions, from the ground up."""

from app.aftersales import api as aftersales_api
from app.aftersales import handlers as aftersales_handlers
from app.aftersales import jobs as aftersales_jobs
from app.aftersales import models as aftersales_models
from app.billing import api as billing_api
from app.billing import bill_api, bill_models, cash_api, cash_models, cash_move_api, desk_api
from app.billing import handlers as billing_handlers
from app.billing import jobs as billing_jobs
from app.billing import models as billing_models
from app.catalog import api as catalog_api
from app.catalog import models as catalog_models
from app.coldchain import api as coldchain_api
from app.coldchain import jobs as coldchain_jobs
from app.coldchain import models as coldchain_models
from app.core import alerts, clock, demo, exporting, housekeeping, idempotency, jobs, schedule
from app.core.base import Base
from app.core.jobs import JobSpec
from app.core.placement import Placement, placement_map
from app.core.registration import Domain
from app.core.reseal import SealedTable
from app.core.schedule import Schedule
from app.customers import api as customers_api
from app.customers import handlers as customers_handlers
from app.customers import models as customers_models
from app.delivery import api as delivery_api
from app.delivery import handlers as delivery_handlers
from app.delivery import jobs as delivery_jobs
from app.delivery import models as delivery_models
from app.delivery import settlement_models
from app.identity import api as identity_api
from app.identity import jobs as identity_jobs
from app.identity import models as identity_models
from app.invoices import api as invoices_api
from app.invoices import handlers as invoices_handlers
from app.invoices import jobs as invoices_jobs
from app.invoices import models as invoices_models
from app.kpi import api as kpi_api
from app.kpi import jobs as kpi_jobs
from app.kpi import models as kpi_models
from app.links import api as links_api
from app.links import handlers as links_handlers
from app.links import jobs as links_jobs
from app.links import models as links_models
from app.marketplaces import api as marketplaces_api
from app.marketplaces import handlers as marketplaces_handlers
from app.marketplaces import jobs as marketplaces_jobs
from app.marketplaces import models as marketplaces_models
from app.network import api as network_api
from app.network import handlers as network_handlers
from app.network import jobs as network_jobs
from app.network import models as network_models
from app.notifications import api as notifications_api
from app.notifications import handlers as notifications_handlers
from app.notifications import jobs as notifications_jobs
from app.notifications import models as notifications_models
from app.orders import api as orders_api
from app.orders import handlers as orders_handlers
from app.orders import jobs as orders_jobs
from app.orders import models as orders_models
from app.web.account import pages as account_pages
from app.web.common.registration import Pages
from app.web.customer import pages as customer_pages
from app.web.deliverer import pages as deliverer_pages
from app.web.finance import pages as finance_pages
from app.web.manager import pages as manager_pages
from app.web.servicedesk import pages as servicedesk_pages
from app.workforce import api as workforce_api
from app.workforce import models as workforce_models

DOMAINS: tuple[Domain, ...] = (
    Domain("core", jobs=housekeeping.JOBS, schedules=housekeeping.SCHEDULES),
    Domain(
        "identity",
        routers=[identity_api.router],
        jobs=identity_jobs.JOBS,
        schedules=identity_jobs.SCHEDULES,
    ),
    Domain("customers", routers=[customers_api.router], reactions=customers_handlers.REACTIONS),
    Domain("catalog", routers=[catalog_api.router]),
    Domain(
        "notifications",
        routers=[notifications_api.router],
        jobs=notifications_jobs.JOBS,
        schedules=notifications_jobs.SCHEDULES,
        reactions=notifications_handlers.REACTIONS,
    ),
    Domain(
        "links",
        routers=[links_api.router],
        jobs=links_jobs.JOBS,
        schedules=links_jobs.SCHEDULES,
        reactions=links_handlers.REACTIONS,
    ),
    Domain("workforce", routers=[workforce_api.router]),
    Domain(
        "network",
        routers=[network_api.router],
        jobs=network_jobs.JOBS,
        schedules=network_jobs.SCHEDULES,
        reactions=network_handlers.REACTIONS,
    ),
    Domain(
        "coldchain",
        routers=[coldchain_api.router],
        jobs=coldchain_jobs.JOBS,
        schedules=coldchain_jobs.SCHEDULES,
    ),
    Domain(
        "billing",
        routers=[
            billing_api.router,
            bill_api.router,
            cash_api.router,
            cash_move_api.router,
            desk_api.router,
        ],
        jobs=billing_jobs.JOBS,
        schedules=billing_jobs.SCHEDULES,
        reactions=billing_handlers.REACTIONS,
    ),
    Domain(
        "orders",
        routers=[orders_api.router],
        jobs=orders_jobs.JOBS,
        schedules=orders_jobs.SCHEDULES,
        reactions=orders_handlers.REACTIONS,
    ),
    Domain(
        "marketplaces",
        routers=[marketplaces_api.router],
        jobs=marketplaces_jobs.JOBS,
        schedules=marketplaces_jobs.SCHEDULES,
        reactions=marketplaces_handlers.REACTIONS,
    ),
    Domain(
        "invoices",
        routers=[invoices_api.router],
        jobs=invoices_jobs.JOBS,
        schedules=invoices_jobs.SCHEDULES,
        reactions=invoices_handlers.REACTIONS,
    ),
    Domain(
        "delivery",
        routers=[delivery_api.router],
        jobs=delivery_jobs.JOBS,
        schedules=delivery_jobs.SCHEDULES,
        reactions=delivery_handlers.REACTIONS,
    ),
    Domain(
        "aftersales",
        routers=[aftersales_api.router],
        jobs=aftersales_jobs.JOBS,
        schedules=aftersales_jobs.SCHEDULES,
        reactions=aftersales_handlers.REACTIONS,
    ),
    Domain("kpi", routers=[kpi_api.router], jobs=kpi_jobs.JOBS, schedules=kpi_jobs.SCHEDULES),
)

PAGES: tuple[Pages, ...] = (
    account_pages.PAGES,
    manager_pages.PAGES,
    servicedesk_pages.PAGES,
    finance_pages.PAGES,
    deliverer_pages.PAGES,
    customer_pages.PAGES,
)
"""Groups of pages, in the order of the navigation."""

MODEL_MODULES = (
    alerts,
    clock,
    demo,
    exporting,
    idempotency,
    jobs,
    schedule,
    identity_models,
    customers_models,
    catalog_models,
    notifications_models,
    links_models,
    workforce_models,
    network_models,
    coldchain_models,
    billing_models,
    bill_models,
    cash_models,
    orders_models,
    marketplaces_models,
    invoices_models,
    delivery_models,
    settlement_models,
    aftersales_models,
    kpi_models,
)
"""Importing these fills `Base.metadata`."""


def wire() -> None:
    """Subscribe every reaction; harmless when repeated."""
    for domain in DOMAINS:
        domain.wire()


def all_jobs() -> list[JobSpec]:
    """Every kind of job."""
    return [spec for domain in DOMAINS for spec in domain.jobs]


def all_schedules() -> list[Schedule]:
    """Every schedule."""
    return [schedule for domain in DOMAINS for schedule in domain.schedules]


def placements() -> dict[str, Placement]:
    """Table -> placement, for the whole product."""
    return placement_map([mapper.class_ for mapper in Base.registry.mappers])


def sealed_tables() -> list[SealedTable]:
    """Every table that keeps sealed values, for key rotation."""
    return [table for module in MODEL_MODULES for table in getattr(module, "RESEALABLE", ())]
