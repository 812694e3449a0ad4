-- Python and packages, CPU, kernel: said once by the worker itself. NULL of workers that registered before there was this.
ALTER TABLE corebound_workers ADD COLUMN runs_on jsonb;

-- The plan with which the first run began, and the newest one where there was another.
ALTER TABLE corebound_campaigns ADD COLUMN plans jsonb NOT NULL DEFAULT '[]';
