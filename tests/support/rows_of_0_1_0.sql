-- One row and more in every table as version 0.1.0 (revision 0006) wrote them.
insert into account (username, password_hash, role, permissions, must_change_password)
values ('serg', '$2b$12$abcdefghijklmnopqrstuuJ1', 'administrator', '{settings:read,settings:write}', false);
insert into login_session (id, username, token_version, network, refresh_hash, rotation_key, rotations, expires_at)
values ('00000000-0000-4000-8000-000000000001', 'serg', 1, '192.168.1.0/24', repeat('a', 64), '\x00', 3,
        now() + interval '7 days');
insert into app_settings (key, value, updated_by)
values ('result_ttl_hours', '24', 'serg'), ('event_title', '"Анна и Пётр"', 'serg'),
       ('providers', '{"turbotext": {"transport": "upload"}}', 'seed');
insert into audit_log (actor, action, subject, detail, address)
values ('serg', 'slot.saved', 'slot-001', '{"changes": {"active": {"from": true, "to": false}}}', '192.168.1.7');
insert into rate_bucket (key, tokens) values ('login:192.168.1.7', 2.5);
insert into route_timing (route, seconds) values ('openai:gpt-image-1.5:auto:high', '{31.5,29}');
insert into slot (slot_id, display_name, provider, operation, model, params, fallbacks, output, prompt, updated_by)
values ('slot-001', 'Hero', 'openai', 'image_edit', 'gpt-image-1.5',
        '{"prompt": "a hero called {survey1}", "moderation": "low"}',
        '[{"provider": "local", "operation": "comic", "params": {}}]', '{"size": "1200x1800"}',
        '{"fields": ["survey1"]}', 'serg');
insert into slot_version (slot_id, version, config, saved_by, saved_at)
values ('slot-001', 1, '{"provider": "local", "operation": "glow"}', 'seed', now());
insert into template_media (id, name, sha256, media_type, size_bytes, width, height, storage_key, created_by)
values ('00000000-0000-4000-8000-000000000002', 'Castle', repeat('b', 64), 'image/png', 1000, 600, 400,
        'templates/castle.png', 'serg');
insert into slot_template_media (slot_id, role, media_id)
values ('slot-001', 'overlay', '00000000-0000-4000-8000-000000000002');
insert into job_history (job_id, slot_id, status, provider, operation, model, attempts, timings, request_fields,
                         upload_type, upload_size, upload_sha256, upload_sha1, deadline_seconds, result_key,
                         result_type, result_size, finished_at, result_expires_at, short_code)
values ('00000000-0000-4000-8000-000000000003', 'slot-001', 'done', 'openai', 'image_edit', 'gpt-image-1.5',
        '[{"provider": "openai", "outcome": "delivered", "started_ms": 40, "ms": 31000}]', '{"provider": 31000}',
        '{"survey1": "Jack"}', 'image/jpeg', 12, repeat('c', 64), repeat('d', 40), 48, 'results/00/3.jpg',
        'image/jpeg', 345, now(), now() + interval '20 hours', '7K3F9Q');
insert into job_history (job_id, slot_id, status, failure_reason, error, provider, operation, upload_type,
                         upload_size, upload_sha256, upload_sha1, deadline_seconds, finished_at)
values ('00000000-0000-4000-8000-000000000004', 'slot-001', 'timeout', 'T_sync_response_exceeded',
        '{"code": "deadline_exceeded"}', 'openai', 'image_edit', 'image/jpeg', 12, repeat('c', 64),
        repeat('d', 40), 48, now());
insert into shared_gallery (id, token, wall_token, title, moderated, pictures_from, opened_at, opened_by)
values ('00000000-0000-4000-8000-000000000005', 'token', 'wall-token', 'Party', true, now(), now(), 'serg');
insert into provider_key (id, provider, encrypted, ends_in, added_by)
values ('00000000-0000-4000-8000-000000000006', 'openai', '\x01', 'abcd', 'serg');
