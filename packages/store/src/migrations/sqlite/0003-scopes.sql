-- What a token may do. Whatever was no administrator's could do everything within its organisation.
ALTER TABLE tokens ADD COLUMN scope TEXT NOT NULL DEFAULT 'manage' CHECK (scope IN ('read', 'run', 'manage', 'admin'));
UPDATE tokens SET scope = 'admin' WHERE admin = 1;
ALTER TABLE tokens DROP COLUMN admin;
