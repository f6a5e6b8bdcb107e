INSERT INTO route_sheets
    (block_id, service_date, station_id, deliverer_id, stops, bottles, planned_at)
SELECT block_id, service_date, station_id, deliverer_id, count(*), sum(bottles),
       (service_date - 1 + time '16:00') AT TIME ZONE 'Asia/Shanghai'
FROM stops GROUP BY block_id, service_date, station_id, deliverer_id;

INSERT INTO picking_totals (block_id, service_date, product_id, station_id, bottles)
SELECT block_id, service_date, product_id, station_id, sum(quantity)
FROM deliveries GROUP BY block_id, service_date, product_id, station_id;
