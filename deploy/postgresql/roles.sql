-- The three roles and the database; run as a superuser, again whenever a password changes:
--
--   CHARITY_OWNER_PASSWORD=… CHARITY_APP_PASSWORD=… CHARITY_AUDITOR_PASSWORD=… psql -X -f roles.sql postgres
--
-- Passwords come from the environment, so that they stand in no command line and no log.
-- Other names: -v database=… -v owner=… -v app=… -v auditor=…

\set ON_ERROR_STOP on
\set QUIET on
\if :{?database} \else \set database charity \endif
\if :{?owner} \else \set owner charity_owner \endif
\if :{?app} \else \set app charity_app \endif
\if :{?auditor} \else \set auditor charity_auditor \endif
\getenv owner_password CHARITY_OWNER_PASSWORD
\getenv app_password CHARITY_APP_PASSWORD
\getenv auditor_password CHARITY_AUDITOR_PASSWORD

SET log_statement = 'none';
SET password_encryption = 'scram-sha-256';

SELECT format('CREATE ROLE %I', role)
FROM unnest(ARRAY[:'owner', :'app', :'auditor']) AS role
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = role)
\gexec

ALTER ROLE :"owner" LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS PASSWORD :'owner_password';
ALTER ROLE :"app" LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS PASSWORD :'app_password';
ALTER ROLE :"auditor" LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS PASSWORD :'auditor_password';

-- A stuck page or worker holds nobody up for long. Upgrades and backups take their time, so
-- the owner has no such limit, and the backup sets its own aside.
ALTER ROLE :"app" SET lock_timeout = '15s';
ALTER ROLE :"app" SET idle_in_transaction_session_timeout = '30min';
ALTER ROLE :"auditor" SET default_transaction_read_only = on;
ALTER ROLE :"auditor" SET statement_timeout = '10min';

SELECT format('CREATE DATABASE %I OWNER %I ENCODING ''UTF8'' TEMPLATE template0', :'database', :'owner')
WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = :'database')
\gexec

REVOKE ALL ON DATABASE :"database" FROM PUBLIC;
GRANT CONNECT ON DATABASE :"database" TO :"app", :"auditor";

\connect :"database"
ALTER SCHEMA public OWNER TO :"owner";
REVOKE ALL ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO :"app", :"auditor";
