INSERT INTO trips
    (vehicle_id, service_date, trip_no, station_id, precool_celsius, precool_at, precool_passed,
     cleaned, loaded_at, departed_at, arrived_at)
SELECT v.id, day::date, 1, v.station_id,
       (9 + abs(hashtextextended(v.id::text || day, :seed)) % 50 / 10.0)::numeric(4,1),
       midnight + interval '80 minutes', true, true,
       midnight + interval '90 minutes', midnight + interval '95 minutes',
       midnight + interval '205 minutes'
FROM vehicles v
CROSS JOIN generate_series(:first, :today, interval '1 day') day
CROSS JOIN LATERAL (SELECT day::date::timestamp AT TIME ZONE 'Asia/Shanghai' AS midnight) m
WHERE midnight + interval '205 minutes' <= :now;

INSERT INTO trip_legs (vehicle_id, service_date, trip_no, leg_no, started_at, ended_at)
SELECT vehicle_id, service_date, trip_no, 1, departed_at, arrived_at FROM trips;

INSERT INTO handover_checks
    (vehicle_id, service_date, trip_no, kind, block_id, check_no, celsius, limit_celsius, passed, checked_at)
SELECT t.vehicle_id, t.service_date, t.trip_no, h.kind, h.block_id, 0, h.celsius, 6, h.celsius <= 6,
       CASE h.kind WHEN 'loading' THEN t.loaded_at ELSE t.arrived_at END
FROM trips t
CROSS JOIN LATERAL (
    SELECT kind, block_id,
           (3.4 + abs(hashtextextended(block_id::text || t.vehicle_id || t.service_date || kind, :seed)) % 18 / 10.0
            + CASE WHEN t.vehicle_id = :warm_vehicle AND t.service_date = :warm_date
                        AND kind <> 'loading' THEN 3.5 ELSE 0 END)::numeric(4,1) AS celsius
    FROM (
        SELECT 'loading' AS kind, '00000000-0000-0000-0000-000000000000'::uuid AS block_id
        UNION ALL SELECT 'vehicle_to_station', '00000000-0000-0000-0000-000000000000'::uuid
        UNION ALL
        SELECT 'station_to_deliverer', r.block_id FROM route_sheets r
        WHERE r.station_id = t.station_id AND r.service_date = t.service_date
    ) each
) h
WHERE NOT (h.kind = 'station_to_deliverer'
           AND abs(hashtextextended(h.block_id::text || t.service_date, :seed)) % 43 = 0);
