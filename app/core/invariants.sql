-- What must be true of the whole database. Every query answers the rows that break it: none, when
-- it holds. `:now` is the business instant. Amounts are fen. Tests run them after every story, the
-- worker every night.

-- name: I1 transfers move money between two accounts
SELECT t.customer_id, t.transfer_id, t.amount_fen
FROM ledger_transfers t
WHERE t.amount_fen <= 0 OR t.debit_account = t.credit_account

-- name: I1 every captured payment is booked once
SELECT p.customer_id, p.payment_id, p.captured_fen, booked.fen AS booked_fen
FROM payments p
FULL JOIN (
    SELECT t.customer_id, t.source_id, sum(t.amount_fen) AS fen
    FROM ledger_transfers t
    WHERE t.cause IN ('payment_captured', 'cash_received', 'pos_received')
    GROUP BY t.customer_id, t.source_id
) booked ON booked.customer_id = p.customer_id AND booked.source_id = p.payment_id
WHERE (p.status = 'captured' OR p.status IS NULL OR booked.fen IS NOT NULL)
  AND (p.status IS DISTINCT FROM 'captured' OR p.captured_fen IS DISTINCT FROM booked.fen)

-- name: I1 refund_payable holds the open refunds
SELECT coalesce(b.customer_id, r.customer_id) AS customer_id, b.fen AS booked_fen,
       r.fen AS open_fen
FROM (
    SELECT s.customer_id, sum(s.fen) AS fen
    FROM (
        SELECT t.customer_id, t.amount_fen AS fen FROM ledger_transfers t
        WHERE t.credit_account = 'refund_payable'
        UNION ALL
        SELECT t.customer_id, -t.amount_fen FROM ledger_transfers t
        WHERE t.debit_account = 'refund_payable'
    ) s
    GROUP BY s.customer_id
) b
FULL JOIN (
    SELECT f.customer_id, sum(f.amount_fen) AS fen FROM refunds f
    WHERE f.status NOT IN ('succeeded', 'failed')
    GROUP BY f.customer_id
) r ON r.customer_id = b.customer_id
WHERE coalesce(b.fen, 0) <> coalesce(r.fen, 0)

-- name: I1 suspense holds only surplus that the channel did not take back
SELECT coalesce(b.customer_id, r.customer_id) AS customer_id, b.fen AS booked_fen,
       r.fen AS waiting_fen
FROM (
    SELECT s.customer_id, sum(s.fen) AS fen
    FROM (
        SELECT t.customer_id, t.amount_fen AS fen FROM ledger_transfers t
        WHERE t.credit_account = 'suspense'
        UNION ALL
        SELECT t.customer_id, -t.amount_fen FROM ledger_transfers t
        WHERE t.debit_account = 'suspense'
    ) s
    GROUP BY s.customer_id
) b
FULL JOIN (
    SELECT f.customer_id, sum(f.amount_fen) AS fen FROM refunds f
    WHERE f.status = 'failed' AND f.from_account = 'suspense'
    GROUP BY f.customer_id
) r ON r.customer_id = b.customer_id
WHERE coalesce(b.fen, 0) <> coalesce(r.fen, 0)

-- name: I1 every refund is paid out once
SELECT f.customer_id, f.refund_id, f.status, f.amount_fen, paid.fen AS paid_fen
FROM refunds f
LEFT JOIN (
    SELECT t.customer_id, t.source_id, sum(t.amount_fen) AS fen
    FROM ledger_transfers t
    WHERE t.cause = 'refund_succeeded'
    GROUP BY t.customer_id, t.source_id
) paid ON paid.customer_id = f.customer_id AND paid.source_id = f.refund_id
WHERE coalesce(paid.fen, 0) <> CASE f.status WHEN 'succeeded' THEN f.amount_fen ELSE 0 END

-- name: I2 the price of an order is paid
SELECT o.customer_id, o.order_id, o.status, o.price_fen, paid.fen AS paid_fen
FROM orders o
LEFT JOIN (
    SELECT m.customer_id, m.reference_id, sum(m.fen) AS fen
    FROM (
        SELECT p.customer_id, p.reference_id, p.captured_fen AS fen FROM payments p
        WHERE p.status = 'captured' AND p.unmatched_reason IS NULL
        UNION ALL
        SELECT t.customer_id, t.reference_id, t.amount_fen FROM ledger_transfers t
        WHERE t.debit_account IN ('balance', 'opening') AND t.credit_account = 'prepaid'
          AND t.cause <> 'payment_captured'
        UNION ALL
        SELECT t.customer_id, t.reference_id, -t.amount_fen FROM ledger_transfers t
        WHERE t.debit_account = 'prepaid' AND t.credit_account = 'deposit'
    ) m
    GROUP BY m.customer_id, m.reference_id
) paid ON paid.customer_id = o.customer_id AND paid.reference_id = o.order_id
WHERE o.status NOT IN ('pending_payment', 'expired')
  AND NOT (o.status = 'cancelled' AND o.paid_at IS NULL AND o.confirmed_at IS NULL)
  AND coalesce(paid.fen, 0) <> o.price_fen

-- name: I2 the deposit account holds the deposits of boxes and bottles
SELECT coalesce(b.customer_id, d.customer_id) AS customer_id,
       coalesce(b.reference_id, d.order_id) AS order_id, b.fen AS booked_fen, d.fen AS held_fen
FROM (
    SELECT s.customer_id, s.reference_id, sum(s.fen) AS fen
    FROM (
        SELECT t.customer_id, t.reference_id, t.amount_fen AS fen FROM ledger_transfers t
        WHERE t.credit_account = 'deposit'
        UNION ALL
        SELECT t.customer_id, t.reference_id, -t.amount_fen FROM ledger_transfers t
        WHERE t.debit_account = 'deposit'
    ) s
    GROUP BY s.customer_id, s.reference_id
) b
FULL JOIN (
    SELECT h.customer_id, h.order_id, sum(h.fen) AS fen
    FROM (
        SELECT p.customer_id, p.order_id, p.amount_fen AS fen FROM deposits p
        WHERE p.state IN ('held', 'due_back')
        UNION ALL
        SELECT f.customer_id, f.reference_id, f.amount_fen FROM refunds f
        WHERE f.status = 'failed' AND f.from_account = 'deposit'
    ) h
    GROUP BY h.customer_id, h.order_id
) d ON d.customer_id = b.customer_id AND d.order_id = b.reference_id
WHERE coalesce(b.fen, 0) <> coalesce(d.fen, 0)

-- name: I2 an order asks for the deposits that stand beside its price
SELECT o.customer_id, o.order_id, o.deposit_fen, d.fen AS asked_fen
FROM orders o
LEFT JOIN (
    SELECT p.customer_id, p.order_id, sum(p.amount_fen) AS fen
    FROM deposits p
    WHERE NOT p.is_opening AND p.state <> 'not_asked'
    GROUP BY p.customer_id, p.order_id
) d ON d.customer_id = o.customer_id AND d.order_id = o.order_id
WHERE o.deposit_fen <> coalesce(d.fen, 0)

-- name: I2 no order is invoiced for more than was ever paid
SELECT i.customer_id, i.order_id, sum(i.amount_fen) AS invoiced_fen,
       coalesce(max(paid.fen), 0) AS paid_fen
FROM invoice_requests i
LEFT JOIN (
    SELECT t.customer_id, coalesce(c.order_id, t.reference_id) AS order_id, sum(t.amount_fen) AS fen
    FROM ledger_transfers t
    LEFT JOIN order_changes c ON c.customer_id = t.customer_id AND c.change_id = t.reference_id
    WHERE t.credit_account = 'prepaid' AND t.debit_account ~ '^(channel|cash|pos|marketplace):'
    GROUP BY t.customer_id, coalesce(c.order_id, t.reference_id)
) paid ON paid.customer_id = i.customer_id AND paid.order_id = i.order_id
WHERE i.state IN ('requested', 'exported', 'issued')
GROUP BY i.customer_id, i.order_id
HAVING sum(i.amount_fen) > coalesce(max(paid.fen), 0)

-- name: I2 the lines of an invoice add up to it
SELECT i.customer_id, i.request_id, i.amount_fen, sum(l.amount_fen) AS lines_fen, i.tax_fen,
       sum(l.tax_fen) AS lines_tax_fen
FROM invoice_requests i
LEFT JOIN invoice_lines l ON l.customer_id = i.customer_id AND l.request_id = i.request_id
GROUP BY i.customer_id, i.request_id
HAVING sum(l.amount_fen) IS DISTINCT FROM i.amount_fen
    OR sum(l.tax_fen) IS DISTINCT FROM i.tax_fen

-- name: I2 captured money has its order, goes back, or is shown
SELECT p.customer_id, p.payment_id, p.reference_id, p.captured_fen, p.unmatched_reason
FROM payments p
WHERE p.status = 'captured'
  AND NOT (
      p.unmatched_reason IS NULL
      AND (
          EXISTS (
              SELECT FROM orders o
              WHERE o.customer_id = p.customer_id AND o.order_id = p.reference_id
                AND o.status NOT IN ('pending_payment', 'expired')
          )
          OR EXISTS (
              SELECT FROM order_changes c
              WHERE c.customer_id = p.customer_id AND c.change_id = p.reference_id
          )
      )
  )
  AND p.captured_fen > (
      SELECT coalesce(sum(f.amount_fen), 0) FROM refunds f
      WHERE f.customer_id = p.customer_id AND f.payment_id = p.payment_id
        AND f.status <> 'failed'
  )
  AND NOT EXISTS (
      SELECT FROM alerts a
      WHERE a.resolved_at IS NULL
        AND (
            (a.kind = 'unmatched_payment' AND a.subject = p.payment_id::text)
            OR (a.kind = 'refund_by_hand' AND a.subject IN (
                SELECT f.refund_id::text FROM refunds f
                WHERE f.customer_id = p.customer_id AND f.payment_id = p.payment_id
            ))
        )
  )

-- name: I3 no payment gives back more than was captured
SELECT f.customer_id, f.payment_id, p.captured_fen, sum(f.amount_fen) AS refunded_fen
FROM refunds f
JOIN payments p ON p.customer_id = f.customer_id AND p.payment_id = f.payment_id
WHERE f.status <> 'failed'
GROUP BY f.customer_id, f.payment_id, p.captured_fen
HAVING sum(f.amount_fen) > coalesce(p.captured_fen, 0)

-- name: I3 refunds go back the way the money came, or are marked
SELECT f.customer_id, f.refund_id, p.channel, t.credit_account, f.to_origin
FROM refunds f
JOIN payments p ON p.customer_id = f.customer_id AND p.payment_id = f.payment_id
JOIN ledger_transfers t ON t.customer_id = f.customer_id AND t.source_id = f.refund_id
    AND t.cause = 'refund_succeeded'
WHERE f.to_origin <> CASE p.channel
    WHEN 'wechat' THEN t.credit_account = 'channel:wechat:' || p.merchant_account
    WHEN 'alipay' THEN t.credit_account = 'channel:alipay:' || p.merchant_account
    WHEN 'unionpay' THEN t.credit_account = 'channel:unionpay:' || p.merchant_account
    WHEN 'pos' THEN t.credit_account = 'pos:' || p.merchant_account
    WHEN 'marketplace' THEN t.credit_account = 'marketplace:' || p.merchant_account
    WHEN 'balance' THEN t.credit_account = 'balance'
    ELSE t.credit_account LIKE 'cash:%' END

-- name: I4 cash collected less cash handed in is cash held
SELECT coalesce(r.account, h.account) AS account, r.fen AS collected_fen, h.fen AS held_fen,
       h.given_fen AS handed_in_fen
FROM (
    SELECT 'cash:' || c.collector_id AS account, sum(c.amount_fen) AS fen
    FROM receipts c
    JOIN payments p ON p.customer_id = c.customer_id AND p.payment_id = c.payment_id
    WHERE p.channel = 'cash'
    GROUP BY c.collector_id
) r
FULL JOIN (
    SELECT s.account, sum(s.fen) AS fen, sum(s.given) AS given_fen
    FROM (
        SELECT t.debit_account AS account, t.amount_fen AS fen,
               CASE WHEN t.cause IN ('cash_handed_in_cancelled', 'cash_shortage_cancelled',
                                     'cash_float_given')
                    THEN -t.amount_fen ELSE 0 END AS given
        FROM ledger_transfers t WHERE t.debit_account LIKE 'cash:%'
        UNION ALL
        SELECT t.credit_account, -t.amount_fen,
               CASE WHEN t.cause IN ('cash_handed_in', 'cash_shortage', 'refund_succeeded',
                                     'cash_float_returned')
                    THEN t.amount_fen ELSE 0 END
        FROM ledger_transfers t WHERE t.credit_account LIKE 'cash:%'
    ) s
    GROUP BY s.account
) h ON h.account = r.account
WHERE coalesce(r.account, h.account) <> 'cash:office'
  AND coalesce(r.account, h.account) NOT LIKE 'cash:station:%'
  AND (coalesce(r.fen, 0) - coalesce(h.given_fen, 0) <> coalesce(h.fen, 0) OR h.fen < 0)

-- name: I4 floats given less taken back are a part of what a deliverer holds
SELECT coalesce(f.account, b.account) AS account, f.fen AS given_fen, b.float_fen, b.held_fen
FROM (
    SELECT 'cash:' || c.deliverer_id AS account,
           sum(CASE c.move WHEN 'given' THEN c.amount_fen ELSE -c.amount_fen END) AS fen
    FROM cash_floats c
    GROUP BY c.deliverer_id
) f
FULL JOIN (
    SELECT s.account, sum(s.fen) AS held_fen, sum(s.fen) FILTER (WHERE s.is_float) AS float_fen
    FROM (
        SELECT t.debit_account AS account, t.amount_fen AS fen,
               t.cause = 'cash_float_given' AS is_float
        FROM ledger_transfers t WHERE t.debit_account LIKE 'cash:%'
        UNION ALL
        SELECT t.credit_account, -t.amount_fen, t.cause = 'cash_float_returned'
        FROM ledger_transfers t WHERE t.credit_account LIKE 'cash:%'
    ) s
    WHERE s.account <> 'cash:office' AND s.account NOT LIKE 'cash:station:%'
    GROUP BY s.account
) b ON b.account = f.account
WHERE coalesce(f.fen, 0) <> coalesce(b.float_fen, 0)
   OR b.float_fen NOT BETWEEN 0 AND b.held_fen

-- name: I4 every remittance is booked once
SELECT coalesce(r.remittance_id, b.source_id) AS remittance_id, r.amount_fen, r.state,
       b.fen AS booked_fen
FROM cash_remittances r
FULL JOIN (
    SELECT t.source_id, t.reference_id AS station_id,
           sum(CASE 'cash:station:' || t.reference_id WHEN t.credit_account THEN t.amount_fen
                    WHEN t.debit_account THEN -t.amount_fen ELSE 0 END) AS fen
    FROM ledger_transfers t
    WHERE t.customer_id = '00000000-0000-0000-0000-000000000000'
      AND t.cause LIKE 'cash\_remitted%'
    GROUP BY t.source_id, t.reference_id
) b ON b.source_id = r.remittance_id AND b.station_id = r.station_id
WHERE coalesce(b.fen, 0)
      <> CASE WHEN r.state <> 'cancelled' THEN coalesce(r.amount_fen, 0) ELSE 0 END

-- name: I4 every hand-in is booked as it was counted
SELECT coalesce(n.hand_in_id, b.source_id) AS hand_in_id, n.state, n.due_fen, n.counted_fen,
       b.left_hand_fen, b.reached_station_fen
FROM cash_hand_ins n
FULL JOIN (
    SELECT t.source_id, t.reference_id AS station_id,
           min(CASE WHEN t.cause LIKE 'cash\_handed\_in%' OR t.cause LIKE 'cash\_shortage%'
                    THEN CASE WHEN t.reverses_id IS NULL THEN t.credit_account
                              ELSE t.debit_account END END) AS hand,
           sum(CASE WHEN t.cause IN ('cash_handed_in', 'cash_shortage') THEN t.amount_fen
                    WHEN t.cause LIKE 'cash\_surplus%' THEN 0
                    ELSE -t.amount_fen END) AS left_hand_fen,
           sum(CASE 'cash:station:' || t.reference_id WHEN t.debit_account THEN t.amount_fen
                    WHEN t.credit_account THEN -t.amount_fen ELSE 0 END) AS reached_station_fen
    FROM ledger_transfers t
    WHERE t.customer_id = '00000000-0000-0000-0000-000000000000'
      AND (t.cause LIKE 'cash\_handed\_in%' OR t.cause LIKE 'cash\_shortage%'
           OR t.cause LIKE 'cash\_surplus%')
    GROUP BY t.source_id, t.reference_id
) b ON b.source_id = n.hand_in_id AND b.station_id = n.station_id
WHERE coalesce(b.left_hand_fen, 0)
      <> CASE n.state WHEN 'booked' THEN n.due_fen ELSE 0 END
   OR coalesce(b.reached_station_fen, 0)
      <> CASE n.state WHEN 'booked' THEN n.counted_fen ELSE 0 END
   OR b.hand <> 'cash:' || n.deliverer_id

-- name: I4 every bank deposit is booked once
SELECT coalesce(d.deposit_id, b.source_id) AS deposit_id, d.amount_fen, d.cancelled_at,
       b.fen AS booked_fen
FROM bank_deposits d
FULL JOIN (
    SELECT t.source_id, t.reference_id AS station_id,
           sum(CASE 'cash:station:' || t.reference_id WHEN t.credit_account THEN t.amount_fen
                    WHEN t.debit_account THEN -t.amount_fen ELSE 0 END) AS fen
    FROM ledger_transfers t
    WHERE t.customer_id = '00000000-0000-0000-0000-000000000000'
      AND t.cause LIKE 'cash\_banked%'
    GROUP BY t.source_id, t.reference_id
) b ON b.source_id = d.deposit_id AND b.station_id = d.station_id
WHERE coalesce(b.fen, 0) <> CASE WHEN d.cancelled_at IS NULL THEN coalesce(d.amount_fen, 0) ELSE 0 END

-- name: I4 no station gives more cash than it has
SELECT s.account, sum(s.fen) AS held_fen
FROM (
    SELECT t.debit_account AS account, t.amount_fen AS fen
    FROM ledger_transfers t
    WHERE t.debit_account LIKE 'cash:%' AND t.debit_account LIKE 'cash:station:%'
    UNION ALL
    SELECT t.credit_account, -t.amount_fen
    FROM ledger_transfers t
    WHERE t.credit_account LIKE 'cash:%' AND t.credit_account LIKE 'cash:station:%'
) s
GROUP BY s.account
HAVING sum(s.fen) < 0

-- name: I4 a closed day of cash stands as the ledger has it
SELECT c.station_id, c.business_date, c.opening_fen, c.handed_in_fen, c.deposited_fen,
       c.floats_fen, c.remitted_fen, c.closing_fen, b.before_fen, b.in_fen, b.out_fen,
       b.given_fen, b.office_fen
FROM cash_days c
CROSS JOIN LATERAL (
    SELECT coalesce(sum(m.fen) FILTER (WHERE m.booked_date < c.business_date), 0) AS before_fen,
           coalesce(sum(m.fen) FILTER (WHERE m.booked_date = c.business_date
                                         AND m.kind = 'hand_in'), 0) AS in_fen,
           coalesce(-sum(m.fen) FILTER (WHERE m.booked_date = c.business_date
                                          AND m.kind = 'bank'), 0) AS out_fen,
           coalesce(-sum(m.fen) FILTER (WHERE m.booked_date = c.business_date
                                          AND m.kind = 'float'), 0) AS given_fen,
           coalesce(-sum(m.fen) FILTER (WHERE m.booked_date = c.business_date
                                          AND m.kind = 'office'), 0) AS office_fen
    FROM (
        SELECT t.booked_date,
               CASE WHEN t.cause LIKE 'cash\_banked%' THEN 'bank'
                    WHEN t.cause LIKE 'cash\_float%' THEN 'float'
                    WHEN t.cause LIKE 'cash\_remitted%' THEN 'office' ELSE 'hand_in' END AS kind,
               CASE 'cash:station:' || c.station_id WHEN t.debit_account THEN t.amount_fen
                    WHEN t.credit_account THEN -t.amount_fen ELSE 0 END AS fen
        FROM ledger_transfers t
        WHERE t.customer_id = '00000000-0000-0000-0000-000000000000'
          AND t.reference_id = c.station_id AND t.booked_date <= c.business_date
    ) m
) b
WHERE c.state = 'closed'
  AND (c.opening_fen, c.handed_in_fen, c.deposited_fen, c.floats_fen, c.remitted_fen)
      <> (b.before_fen, b.in_fen, b.out_fen, b.given_fen, b.office_fen)

-- name: I5 no line brings more bottles than it has
SELECT d.customer_id, d.order_line_id, d.bottles, coalesce(e.bottles, 0) AS entitled,
       coalesce(m.bottles, 0) AS made_up
FROM (
    SELECT v.customer_id, v.order_line_id,
           sum(CASE v.status WHEN 'planned' THEN v.quantity
                    WHEN 'delivered' THEN v.quantity_delivered
                    WHEN 'short' THEN v.quantity_delivered ELSE 0 END) AS bottles
    FROM deliveries v
    GROUP BY v.customer_id, v.order_line_id
) d
LEFT JOIN (
    SELECT n.customer_id, n.order_line_id,
           sum(CASE WHEN n.kind IN ('swapped_out', 'transferred_out', 'credited', 'refunded',
                                    'forfeited') THEN -n.bottles ELSE n.bottles END) AS bottles
    FROM entitlement_entries n
    GROUP BY n.customer_id, n.order_line_id
) e ON e.customer_id = d.customer_id AND e.order_line_id = d.order_line_id
LEFT JOIN (
    SELECT c.customer_id, c.order_line_id, sum(c.bottles) AS bottles
    FROM compensations c
    WHERE c.kind = 'make_up'
      AND NOT EXISTS (
          SELECT FROM entitlement_entries n
          WHERE n.customer_id = c.customer_id AND n.cause_id = c.compensation_id
      )
    GROUP BY c.customer_id, c.order_line_id
) m ON m.customer_id = d.customer_id AND m.order_line_id = d.order_line_id
WHERE d.bottles > coalesce(e.bottles, 0) + coalesce(m.bottles, 0)

-- name: I5 a gift with a date comes once, as it was given
SELECT g.customer_id, g.order_line_id, g.gift_id, g.bottles, g.brought_date, e.bottles AS entitled,
       v.quantity
FROM line_gifts g
LEFT JOIN entitlement_entries e ON e.customer_id = g.customer_id
    AND e.order_line_id = g.order_line_id AND e.cause_id = g.gift_id AND e.kind = 'gift'
    AND e.value_fen = 0
LEFT JOIN deliveries v ON v.customer_id = g.customer_id AND v.order_line_id = g.order_line_id
    AND v.service_date = g.brought_date AND v.cause_id = g.gift_id AND v.is_gift
WHERE (CASE WHEN g.brought_date IS NULL THEN NULL ELSE g.bottles END) IS DISTINCT FROM e.bottles
   OR (CASE WHEN g.brought_date IS NULL THEN NULL ELSE g.bottles END) IS DISTINCT FROM v.quantity

-- name: I5 no line gives up more than it had
SELECT n.customer_id, n.order_line_id, n.bottles, n.fen
FROM (
    SELECT e.customer_id, e.order_line_id, sum(e.bottles * e.sign) AS bottles,
           sum(e.value_fen * e.sign) AS fen
    FROM (
        SELECT c.customer_id, c.order_line_id, c.bottles, c.value_fen,
               CASE WHEN c.kind IN ('swapped_out', 'transferred_out', 'credited', 'refunded',
                                    'forfeited') THEN -1 ELSE 1 END AS sign
        FROM entitlement_entries c
    ) e
    GROUP BY e.customer_id, e.order_line_id
) n
WHERE n.bottles < 0 OR n.fen < 0

-- name: I6 no SMS was submitted twice without saying so
SELECT s.customer_id, s.message_id, s.status, s.attempts, count(r.message_id) AS submits
FROM sms_messages s
LEFT JOIN sms_receipts r ON r.customer_id = s.customer_id AND r.message_id = s.message_id
GROUP BY s.customer_id, s.message_id
HAVING (count(r.message_id) > 1 AND NOT s.duplicate_possible)
    OR (s.status IN ('accepted', 'delivered') AND s.attempts < 1)

-- name: I7 every ticket past its deadline has one breach record
SELECT t.customer_id, t.ticket_id, t.status, t.due_at, t.breached_at,
       count(e.event_id) AS breaches
FROM tickets t
LEFT JOIN ticket_events e ON e.customer_id = t.customer_id AND e.ticket_id = t.ticket_id
    AND e.kind = 'breached'
GROUP BY t.customer_id, t.ticket_id
HAVING count(e.event_id) > 1
    OR (count(e.event_id) = 1) <> (t.breached_at IS NOT NULL)
    OR (count(e.event_id) = 0 AND t.status IN ('open', 'answered')
        AND t.due_at < CAST(:now AS timestamptz) - interval '10 minutes')
    OR (count(e.event_id) = 0 AND t.resolved_at > t.due_at + interval '10 minutes')

-- name: I8 one planned delivery per line and date
SELECT v.customer_id, v.order_line_id, v.service_date, count(*) AS deliveries
FROM deliveries v
WHERE v.delivery_no = 0
GROUP BY v.customer_id, v.order_line_id, v.service_date
HAVING count(*) > 1

-- name: I8 every delivery has its cause
SELECT v.customer_id, v.order_line_id, v.service_date, v.delivery_no
FROM deliveries v
WHERE v.delivery_no = 0
  AND NOT EXISTS (
      SELECT FROM order_terms t
      WHERE t.customer_id = v.customer_id AND t.order_line_id = v.order_line_id
        AND t.valid @> v.service_date
  )
UNION ALL
SELECT v.customer_id, v.order_line_id, v.service_date, v.delivery_no
FROM deliveries v
WHERE v.delivery_no > 0 AND v.cause_id IS NULL

-- name: I9 no payment or refund is stuck
SELECT p.customer_id, p.payment_id AS id, 'payment ' || p.status AS what, p.created_at AS since
FROM payments p
WHERE p.status IN ('created', 'pending', 'unknown')
  AND p.expires_at < CAST(:now AS timestamptz) - interval '30 minutes'
UNION ALL
SELECT f.customer_id, f.refund_id, 'refund ' || f.status, f.created_at
FROM refunds f
JOIN payments p ON p.customer_id = f.customer_id AND p.payment_id = f.payment_id
WHERE f.status NOT IN ('succeeded', 'failed')
  AND coalesce(f.approved_at, f.created_at) < CAST(:now AS timestamptz)
      - CASE WHEN f.status IN ('approved', 'submitted') AND p.channel IN ('wechat', 'alipay', 'unionpay')
             THEN interval '1 day' ELSE interval '7 days' END
UNION ALL
SELECT NULL, NULL, 'channel event ' || c.event_id, c.received_at
FROM channel_events c
WHERE c.handled_at IS NULL
  AND c.received_at < CAST(:now AS timestamptz) - interval '30 minutes'

-- name: I9 no order is stuck
SELECT o.customer_id, o.order_id AS id, 'order ' || o.status AS what, o.placed_at AS since
FROM orders o
WHERE o.status = 'pending_payment'
  AND o.pay_before_at < CAST(:now AS timestamptz) - interval '30 minutes'
UNION ALL
SELECT o.customer_id, o.order_id, 'order without review', o.paid_at
FROM orders o
LEFT JOIN order_reviews w ON w.customer_id = o.customer_id AND w.order_id = o.order_id
WHERE o.status = 'under_review' AND w.order_id IS NULL
  AND o.paid_at < CAST(:now AS timestamptz) - interval '30 minutes'
UNION ALL
SELECT w.customer_id, w.order_id, 'review without decision', w.opened_at
FROM order_reviews w
WHERE w.decision IS NULL AND w.opened_at < CAST(:now AS timestamptz) - interval '3 days'

-- name: I9 no change is stuck
SELECT c.customer_id, c.change_id AS id, 'change ' || c.status AS what, c.at AS since
FROM order_changes c
WHERE c.status IN ('awaiting_payment', 'paid')
  AND c.pay_before_at < CAST(:now AS timestamptz) - interval '30 minutes'

-- name: I9 no SMS is stuck
SELECT s.customer_id, s.message_id AS id, 'sms ' || s.status AS what, s.created_at AS since
FROM sms_messages s
WHERE s.status IN ('queued', 'sending', 'unknown')
  AND s.created_at < CAST(:now AS timestamptz) - interval '2 days'

-- name: I9 no service date misses its plan
SELECT d.station_id, d.service_date, d.state, d.cutoff_at
FROM plan_days d
JOIN stations s ON s.id = d.station_id AND s.is_active
WHERE d.service_date
      > ((CAST(:now AS timestamptz) - interval '8 hours') AT TIME ZONE 'Asia/Shanghai')::date
  AND d.cutoff_at < CAST(:now AS timestamptz) - interval '30 minutes'
  AND (d.state = 'open' OR (d.state = 'frozen' AND d.planned_at IS NULL))

-- name: I10 every look at personal data names a member of staff and a reason
SELECT a.account_id, a.id, a.customer_id, a.subject
FROM access_log a
LEFT JOIN staff_accounts s ON s.id = a.account_id
WHERE s.id IS NULL OR btrim(a.reason) = '' OR btrim(a.subject) = ''

-- name: I11 a block's morning adds up to its stops
SELECT m.block_id, m.service_date, m.due, m.made, m.on_time, n.due AS stops_due,
       n.made AS stops_made, n.on_time AS stops_on_time
FROM block_mornings m
CROSS JOIN LATERAL (
    SELECT count(*) FILTER (WHERE s.state <> 'withdrawn') AS due,
           count(*) FILTER (WHERE s.state = 'made') AS made,
           count(*) FILTER (WHERE s.state = 'made' AND NOT s.bulk_marked AND s.made_at
               < timezone('Asia/Shanghai', s.service_date + time '07:00')) AS on_time,
           count(*) FILTER (WHERE s.state = 'failed') AS failed,
           count(*) FILTER (WHERE s.state = 'withdrawn') AS withdrawn
    FROM stops s
    WHERE s.block_id = m.block_id AND s.service_date = m.service_date
      AND s.customer_kind = 'household'
) n
WHERE m.service_date BETWEEN CAST(CAST(:now AS timestamptz) AS date) - 2
                         AND CAST(CAST(:now AS timestamptz) AS date) + 2
  AND (m.due, m.made, m.on_time, m.failed, m.withdrawn)
      IS DISTINCT FROM (n.due, n.made, n.on_time, n.failed, n.withdrawn)

-- name: I11 every line of a bill agrees with our books, or stands in the work list
SELECT b.bill_id, b.bill_date, b.line_count, l.lines, b.matched_count, l.moving, d.differing
FROM channel_bills b
CROSS JOIN LATERAL (
    SELECT count(*) AS lines, count(*) FILTER (WHERE n.moves_money) AS moving
    FROM channel_bill_lines n WHERE n.bill_id = b.bill_id
) l
CROSS JOIN LATERAL (
    SELECT count(*) AS differing
    FROM channel_bill_differences f
    WHERE f.bill_id = b.bill_id AND f.ended_at IS NULL AND f.theirs_fen IS NOT NULL
) d
WHERE b.bill_date >= CAST(CAST(:now AS timestamptz) AS date) - 35
  AND (b.line_count <> l.lines OR b.matched_count + d.differing <> l.moving)

-- name: I11 a channel's fees are booked as its bills say
SELECT coalesce(b.bill_id, t.reference_id) AS bill_id, b.fee_fen, t.fen AS booked_fen
FROM channel_bills b
FULL JOIN (
    SELECT l.reference_id,
           sum(CASE l.debit_account WHEN 'channel_fee' THEN l.amount_fen ELSE -l.amount_fen END)
               AS fen
    FROM ledger_transfers l
    WHERE l.cause = 'channel_fee'
    GROUP BY l.reference_id
) t ON t.reference_id = b.bill_id
WHERE coalesce(b.fee_fen, 0) <> coalesce(t.fen, 0)

-- name: I12 revenue booked is what lines have earned
SELECT coalesce(b.customer_id, e.customer_id) AS customer_id, b.fen AS booked_fen,
       e.fen AS earned_fen
FROM (
    SELECT t.customer_id, sum(CASE t.credit_account WHEN 'revenue' THEN t.amount_fen
                                   ELSE -t.amount_fen END) AS fen
    FROM ledger_transfers t
    WHERE 'revenue' IN (t.debit_account, t.credit_account)
    GROUP BY t.customer_id
) b
FULL JOIN (
    SELECT x.customer_id, sum(x.earned_fen) AS fen FROM line_earnings x GROUP BY x.customer_id
) e ON e.customer_id = b.customer_id
WHERE coalesce(b.fen, 0) <> coalesce(e.fen, 0)

-- name: I12 earnings count the bottles that were brought
WITH news AS (
    SELECT max(c.checked_at) AS since FROM revenue_checks c
)
SELECT x.customer_id, x.order_line_id, x.product_id, x.through_date, x.bottles,
       coalesce(d.bottles, 0) AS brought
FROM line_earnings x
LEFT JOIN (
    SELECT v.customer_id, v.order_line_id, v.product_id, sum(v.quantity_delivered) AS bottles,
           max(v.recorded_at) AS recorded_at
    FROM deliveries v
    JOIN line_earnings y ON y.customer_id = v.customer_id AND y.order_line_id = v.order_line_id
        AND y.product_id = v.product_id AND y.through_date >= v.service_date
    WHERE v.delivery_no = 0
    GROUP BY v.customer_id, v.order_line_id, v.product_id
) d ON d.customer_id = x.customer_id AND d.order_line_id = x.order_line_id
    AND d.product_id = x.product_id
CROSS JOIN news
WHERE x.bottles <> coalesce(d.bottles, 0)
  AND NOT coalesce(d.recorded_at >= news.since, false)

-- name: I12 a line has earned the value of its bottles
WITH news AS (
    SELECT max(c.checked_at) AS since FROM revenue_checks c
), earned AS (
    SELECT x.customer_id, x.order_line_id, sum(x.bottles) AS bottles, sum(x.earned_fen) AS fen,
           max(x.through_date) AS through_date
    FROM line_earnings x
    GROUP BY x.customer_id, x.order_line_id
), entitled AS (
    SELECT n.customer_id, n.order_line_id,
           sum(CASE WHEN n.kind IN ('swapped_out', 'transferred_out', 'credited', 'refunded',
                                    'forfeited') THEN -n.value_fen ELSE n.value_fen END) AS fen,
           bool_or(n.kind NOT IN ('bought', 'opening', 'gift')) AS is_changed,
           sum(n.bottles) FILTER (WHERE n.kind IN ('bought', 'opening')) AS bottles,
           max(n.at) AS at
    FROM entitlement_entries n
    GROUP BY n.customer_id, n.order_line_id
)
SELECT e.customer_id, e.order_line_id, o.status, e.bottles, e.fen AS earned_fen,
       n.bottles AS bought, n.fen AS worth_fen
FROM earned e
JOIN entitled n ON n.customer_id = e.customer_id AND n.order_line_id = e.order_line_id
JOIN order_lines l ON l.customer_id = e.customer_id AND l.order_line_id = e.order_line_id
JOIN orders o ON o.customer_id = l.customer_id AND o.order_id = l.order_id
CROSS JOIN news
WHERE NOT CASE
        WHEN o.status IN ('completed', 'cancelled') AND NOT EXISTS (
            SELECT FROM deliveries v
            WHERE v.customer_id = e.customer_id AND v.order_line_id = e.order_line_id
              AND v.service_date > e.through_date)
        THEN e.fen = n.fen
        WHEN n.is_changed OR o.status IN ('completed', 'cancelled')
        THEN e.fen BETWEEN 0 AND n.fen
        ELSE e.fen = div(n.fen * least(e.bottles, n.bottles), n.bottles) END
  AND NOT coalesce(greatest(n.at, o.ended_at) >= news.since, false)

-- name: I12 revenue takes no more from a customer than was prepaid
WITH news AS (
    SELECT max(c.checked_at) AS since FROM revenue_checks c
)
SELECT t.customer_id, sum(CASE t.credit_account WHEN 'prepaid' THEN t.amount_fen
                               ELSE -t.amount_fen END) AS prepaid_fen
FROM ledger_transfers t
CROSS JOIN news
WHERE 'prepaid' IN (t.debit_account, t.credit_account)
  AND EXISTS (SELECT FROM line_earnings x WHERE x.customer_id = t.customer_id
                AND x.earned_fen > 0)
  AND NOT EXISTS (SELECT FROM refunds f WHERE f.customer_id = t.customer_id
                    AND (f.cause LIKE 'marketplace:%' OR f.created_at >= news.since))
GROUP BY t.customer_id
HAVING sum(CASE t.credit_account WHEN 'prepaid' THEN t.amount_fen ELSE -t.amount_fen END) < 0

-- name: I13 a closed date's totals are its transfers
SELECT coalesce(d.booked_date, s.booked_date) AS booked_date,
       coalesce(d.account, s.account) AS account, d.debit_fen, d.credit_fen,
       s.debit_fen AS booked_debit_fen, s.credit_fen AS booked_credit_fen
FROM ledger_daily_totals d
FULL JOIN (
    SELECT t.booked_date, a.account, sum(a.debit) AS debit_fen, sum(a.credit) AS credit_fen
    FROM ledger_transfers t
    CROSS JOIN LATERAL (
        VALUES (t.debit_account, t.amount_fen, 0::bigint), (t.credit_account, 0, t.amount_fen)
    ) AS a(account, debit, credit)
    WHERE t.booked_date <= (SELECT max(c.booked_date) FROM ledger_daily_totals c)
    GROUP BY t.booked_date, a.account
) s ON s.booked_date = d.booked_date AND s.account = d.account
WHERE (d.debit_fen, d.credit_fen) IS DISTINCT FROM (s.debit_fen, s.credit_fen)

-- name: I13 a dealer's issued statement is what its lines add up to
SELECT s.statement_id, s.state, s.total_fen, l.fen AS lines_fen
FROM dealer_statements s
LEFT JOIN (
    SELECT x.statement_id, sum(x.amount_fen) AS fen FROM dealer_statement_lines x
    GROUP BY x.statement_id
) l ON l.statement_id = s.statement_id
WHERE s.total_fen IS DISTINCT FROM
      CASE WHEN s.state IN ('issued', 'settled') THEN coalesce(l.fen, 0) ELSE l.fen END

-- name: I13 a dealer's account holds what is issued and not settled
SELECT coalesce(s.statement_id, b.source_id) AS statement_id, s.state, s.total_fen, b.issued_fen,
       b.settled_fen
FROM dealer_statements s
FULL JOIN (
    SELECT t.source_id, m.dealer_id,
           sum(m.fen) FILTER (WHERE t.cause = 'dealer_statement_issued') AS issued_fen,
           sum(m.fen) FILTER (WHERE t.cause IS DISTINCT FROM 'dealer_statement_issued')
               AS settled_fen
    FROM ledger_transfers t
    CROSS JOIN LATERAL (
        VALUES (t.debit_account, -t.amount_fen), (t.credit_account, t.amount_fen)
    ) AS a(account, fen)
    CROSS JOIN LATERAL (SELECT substr(a.account, 8) AS dealer_id, a.fen) m
    WHERE t.customer_id = '00000000-0000-0000-0000-000000000000'
      AND a.account LIKE 'dealer:%'
    GROUP BY t.source_id, m.dealer_id
) b ON b.source_id = s.statement_id AND b.dealer_id = s.dealer_id::text
WHERE coalesce(b.issued_fen, 0)
      <> CASE WHEN s.state IN ('issued', 'settled') THEN s.total_fen ELSE 0 END
   OR coalesce(b.settled_fen, 0)
      <> CASE WHEN s.state = 'settled' THEN -s.total_fen ELSE 0 END

-- name: I13 no day of a station is settled with two dealers
SELECT d.station_id, d.service_date, count(DISTINCT s.dealer_id) AS dealers
FROM dealer_statement_days d
JOIN dealer_statements s ON s.statement_id = d.statement_id
GROUP BY d.station_id, d.service_date
HAVING count(DISTINCT s.dealer_id) > 1
