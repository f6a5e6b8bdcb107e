"""On a desktop a household chooses how it pays, and asks for an invoice of what it paid."""

import re
from typing import Any

import httpx
import pytest
from playwright.async_api import Page, expect
from sqlalchemy import select

from app.billing.models import Payment
from app.billing.service import pay_credit, read_balance
from app.billing.states import PaymentChannel, PaymentMethod, PaymentStatus
from app.core.ids import new_id
from app.core.jobs import JobContext
from app.invoices.models import InvoiceRequest
from app.invoices.states import InvoiceState
from tests.factories import orders
from tests.factories.invoices import COMPANY
from tests.fixtures.application import app_over
from tests.fixtures.invariants import assert_invariants
from tests.fixtures.jobs import drain
from tests.fixtures.payments import open_payments
from tests.fixtures.site import DESK, Site, check_axe, shot


@pytest.fixture
async def placed(site: Site) -> dict[str, Any]:
    """An order of the household that waits for its payment."""
    transport = httpx.ASGITransport(app=app_over(site.runtime), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://test/api/v1") as client:
        return await orders.place(client, site.world, site.world.household)


async def payments_of(site: Site) -> dict[PaymentChannel, Payment]:
    async with site.database.transaction() as session:
        return {one.channel: one for one in await session.scalars(select(Payment))}


async def invoice_of(site: Site) -> list[InvoiceRequest]:
    async with site.database.transaction() as session:
        return list(await session.scalars(select(InvoiceRequest)))


async def ask_for_invoice(site: Site, page: Page) -> None:
    """A wrong tax number is refused, a right one asked for and taken back."""
    await page.get_by_role("link", name="申请发票").click()
    await page.get_by_label("单位").check()
    await page.get_by_label("抬头名称").fill("上海某某幼儿园有限公司")
    await page.get_by_label("纳税人识别号").fill(
        f"{COMPANY[:-1]}{'0' if COMPANY[-1] != '0' else '1'}"
    )
    await page.get_by_label("接收邮箱").fill("office@example.cn")
    site.expected.append("400 (Bad Request)")
    await page.get_by_role("button", name=re.compile("申请开票")).click()
    await expect(page.get_by_text("纳税人识别号有误，请核对")).to_be_visible()
    assert await invoice_of(site) == []
    await check_axe(page)
    await shot(page, "household-invoice")
    await page.get_by_label("纳税人识别号").fill(COMPANY)
    await page.get_by_role("button", name=re.compile("申请开票")).click()
    await expect(page.get_by_text("已申请，开好后短信通知您")).to_be_visible()
    await expect(page.get_by_text("待开票")).to_be_visible()
    [asked] = await invoice_of(site)
    assert asked.state is InvoiceState.REQUESTED
    await check_axe(page)
    await shot(page, "household-invoices")
    await page.get_by_role("link", name="订单").first.click()
    await expect(page.get_by_text("查看发票")).to_be_visible()


async def test_paid_by_a_code_after_all_and_invoiced(site: Site, placed: dict[str, Any]) -> None:
    context = await site.context(size=DESK)
    await site.use_token(context, site.world.household.token)
    async with open_payments(site.runtime, parallel=True) as payments:
        page = await site.page(f"/my/orders/{placed['id']}", context=context)
        await check_axe(page)
        await shot(page, "household-pay-ways")
        await page.get_by_role("button", name=re.compile("支付宝")).dblclick()
        link = page.get_by_role("link", name=re.compile("打开支付宝付款"))
        assert "alipay.trade.page.pay" in (await link.get_attribute("href") or "")
        await page.get_by_role("link", name="换一种付款方式").click()
        await page.get_by_role("button", name=re.compile("微信支付")).dblclick()
        await expect(page.get_by_role("img", name="微信付款二维码")).to_be_visible()
        await check_axe(page)
        await shot(page, "household-pay-code")
        found = await payments_of(site)
        assert {channel: one.method for channel, one in found.items()} == {
            PaymentChannel.ALIPAY: PaymentMethod.PAGE,
            PaymentChannel.WECHAT: PaymentMethod.NATIVE,
        }
        payments.pay(found[PaymentChannel.WECHAT].out_trade_no)
        await payments.deliver_notifications()
        await drain(JobContext(site.database, site.clock))
        await expect(page.get_by_text("付款已到账")).to_be_visible()
    await ask_for_invoice(site, page)
    async with site.database.transaction() as session:
        await assert_invariants(session, site.clock.now(), only=("I1", "I3", "I5"))


async def test_paid_from_the_balance_with_one_tap(site: Site, placed: dict[str, Any]) -> None:
    customer_id = site.world.household.customer_id
    context = await site.context(size=DESK)
    await site.use_token(context, site.world.household.token)
    page = await site.page(f"/my/orders/{placed['id']}", context=context)
    await expect(page.get_by_role("button", name=re.compile("微信支付"))).to_be_visible()
    await expect(page.get_by_role("button", name=re.compile("余额支付"))).to_have_count(0)
    async with site.database.transaction() as session:
        await pay_credit(
            session,
            customer_id=customer_id,
            reference_id=new_id(),
            source_id=new_id(),
            amount_fen=placed["price_fen"],
            cause="ticket_compensation",
            now=site.clock.now(),
        )
    await page.reload()
    await page.get_by_role("button", name=re.compile("余额支付")).dblclick()
    await expect(page.get_by_text("已付款", exact=True)).to_be_visible()
    found = await payments_of(site)
    assert {channel: one.status for channel, one in found.items()} == {
        PaymentChannel.BALANCE: PaymentStatus.CAPTURED
    }
    async with site.database.transaction() as session:
        assert await read_balance(session, customer_id=customer_id) == 0
