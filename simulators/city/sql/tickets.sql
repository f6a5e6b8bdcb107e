-- About two complaints and ten requests per 100,000 stops, answered within hours, called back.
CREATE TEMP TABLE city_tickets ON COMMIT DROP AS
SELECT s.*, uuidv7() AS ticket_id, luck % 6 = 0 AS is_complaint, luck,
       (s.service_date + time '07:30') AT TIME ZONE 'Asia/Shanghai'
           + make_interval(mins => (luck % 600)::int) AS received_at,
       row_number() OVER (ORDER BY s.service_date, s.customer_id) AS n
FROM stops s
CROSS JOIN LATERAL (SELECT abs(hashtextextended(s.customer_id::text || s.service_date || 't', :seed)) AS luck) l
WHERE luck % 8000 < 1 AND s.service_date < :today;

INSERT INTO ticket_numbers (number, customer_id, ticket_id)
SELECT 'T' || lpad(n::text, 7, '0'), customer_id, ticket_id FROM city_tickets;

INSERT INTO tickets
    (customer_id, ticket_id, ticket_no, kind, severity, category, is_food_safety, channel, status,
     customer_kind, city_code, station_id, block_id, deliverer_id, service_date, subject,
     received_at, answer_due_at, due_at, first_answered_at, resolved_at, closed_at, reopened_count)
SELECT customer_id, ticket_id, 'T' || lpad(n::text, 7, '0'),
       CASE WHEN is_complaint THEN 'complaint' ELSE 'request' END, 'general',
       CASE WHEN is_complaint THEN 'late' ELSE 'other' END, false, 'phone', 'closed',
       customer_kind, city_code, station_id, block_id, deliverer_id, service_date,
       CASE WHEN is_complaint THEN '奶送晚了' ELSE '咨询续订' END,
       received_at, received_at + interval '24 hours', received_at + interval '24 hours',
       received_at + make_interval(mins => (luck % 240 + 5)::int),
       received_at + make_interval(mins => (luck % 240 + 300)::int),
       received_at + make_interval(mins => (luck % 240 + 900)::int), 0
FROM city_tickets;

INSERT INTO return_visits (customer_id, visit_id, ticket_id, reached, visited_by, at)
SELECT customer_id, ticket_id, ticket_id, true, '00000000-0000-0000-0000-000000000000',
       received_at + make_interval(mins => (luck % 240 + 900)::int)
FROM city_tickets;

INSERT INTO satisfaction_answers
    (customer_id, answer_id, kind, source_id, score, customer_kind, city_code, station_id,
     block_id, deliverer_id, at)
SELECT customer_id, ticket_id, 'return_visit', ticket_id,
       CASE WHEN luck % 23 = 0 THEN 3 WHEN luck % 3 = 0 THEN 4 ELSE 5 END, customer_kind,
       city_code, station_id, block_id, deliverer_id,
       received_at + make_interval(mins => (luck % 240 + 900)::int)
FROM city_tickets;
