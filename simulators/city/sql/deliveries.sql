-- Deliveries of each day from the first of the history to today, with believable noise. `luck` is
-- drawn per stop, `morning` per block and day, so a late round is late as a whole.
INSERT INTO deliveries
    (customer_id, service_date, order_line_id, delivery_no, product_id, quantity,
     quantity_delivered, address_id, address_version_id, station_id, block_id, deliverer_id,
     stop_no, status, reason, our_fault, done_at, recorded_at, bulk_marked,
     restored_bottles)
SELECT d.customer_id, d.day, d.order_line_id, 0, d.product_id, d.quantity,
       CASE d.outcome WHEN 'delivered' THEN d.quantity WHEN 'short' THEN d.quantity - 1 ELSE 0 END,
       d.address_id, d.address_version_id, d.station_id, d.block_id, d.deliverer_id, d.stop_no,
       d.outcome,
       CASE d.outcome WHEN 'failed' THEN 'customer_absent' WHEN 'short' THEN 'milk_short' END,
       CASE d.outcome WHEN 'failed' THEN false WHEN 'short' THEN true END,
       CASE WHEN d.outcome <> 'planned' THEN d.at END,
       CASE WHEN d.outcome <> 'planned' THEN d.at + make_interval(mins => 1) END,
       d.outcome = 'delivered' AND d.luck % 331 = 0,
       CASE d.outcome WHEN 'short' THEN 1 ELSE 0 END
FROM (
    SELECT drawn.*,
           CASE WHEN drawn.at > :now THEN 'planned'
                WHEN drawn.luck % 401 = 0 THEN 'failed'
                WHEN drawn.luck % 1301 = 0 AND drawn.quantity > 1 THEN 'short'
                ELSE 'delivered' END AS outcome
    FROM (
        SELECT t.customer_id, day::date AS day, t.order_line_id, t.product_id,
               coalesce(t.weekday_quantities[extract(isodow FROM day)::int],
                        CASE WHEN (day::date - t.anchor_date) % t.interval_days = 0
                             THEN t.quantity ELSE 0 END) AS quantity,
               t.address_id, t.address_version_id, b.station_id, b.id AS block_id,
               bd.deliverer_id, ab.stop_no,
               abs(hashtextextended(t.customer_id::text || day::date, :seed)) AS luck,
               (day::date + time '04:20') AT TIME ZONE 'Asia/Shanghai'
                   + make_interval(secs => ab.stop_no * 80
                       + abs(hashtextextended(t.customer_id::text, :seed)) % 60
                       + CASE WHEN abs(hashtextextended(b.id::text || day::date, :seed)) % 29 = 0
                              THEN 3600 ELSE 0 END) AS at
        FROM order_terms t
        JOIN address_blocks ab USING (customer_id, address_id)
        JOIN blocks b ON b.id = ab.block_id
        JOIN block_deliverers bd ON bd.block_id = b.id
        CROSS JOIN LATERAL generate_series(greatest(lower(t.valid), :first),
                            least(upper(t.valid) - 1, :today), interval '1 day') day
    ) drawn
    WHERE drawn.quantity > 0
) d;

INSERT INTO stops
    (customer_id, service_date, address_id, customer_kind, city_code, station_id, block_id,
     deliverer_id, stop_no, bottles, state, made_at, bulk_marked)
SELECT customer_id, service_date, address_id, 'household', '310000', station_id, block_id,
       deliverer_id, stop_no, quantity,
       CASE status WHEN 'delivered' THEN 'made' WHEN 'short' THEN 'partly'
                   WHEN 'failed' THEN 'failed' ELSE 'planned' END,
       CASE status WHEN 'delivered' THEN done_at END, bulk_marked
FROM deliveries;
