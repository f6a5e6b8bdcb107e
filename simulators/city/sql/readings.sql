-- Stores every ten minutes: about 3 °C, a short peak at the morning's loading; one sensor falls
-- silent for nine hours. Vans every five minutes while they are out; one van is warm one morning.
INSERT INTO temperature_readings (device_id, at, celsius, received_at)
SELECT d.id, at, (3.2 + (abs(hashtextextended(d.id::text || at, :seed)) % 20) / 10.0
       + CASE WHEN abs(hashtextextended(at::text, :seed)) % 97 = 0 THEN 2.4 ELSE 0 END)::numeric(4,1), at
FROM devices d
CROSS JOIN LATERAL generate_series(d.in_service_from, :now, make_interval(secs => d.slot_seconds)) at
WHERE d.store_id IS NOT NULL
  AND NOT (d.id = :silent_device AND at >= :silent_from AND at < :silent_until);

INSERT INTO temperature_readings (device_id, at, celsius, received_at)
SELECT d.id, at, (3.0 + (abs(hashtextextended(d.id::text || at, :seed)) % 22) / 10.0
       + CASE WHEN d.vehicle_id = :warm_vehicle AND day::date = :warm_date THEN 5.0 ELSE 0 END)::numeric(4,1), at
FROM devices d
CROSS JOIN generate_series(:first, :today, interval '1 day') day
CROSS JOIN LATERAL generate_series(
    (day::date + time '01:30') AT TIME ZONE 'Asia/Shanghai',
    (day::date + time '03:30') AT TIME ZONE 'Asia/Shanghai',
    make_interval(secs => d.slot_seconds)) at
WHERE d.vehicle_id IS NOT NULL AND at <= :now;
