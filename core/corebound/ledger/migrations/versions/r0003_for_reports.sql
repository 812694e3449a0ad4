-- Python and packages, CPU, kernel: said once by the worker itself. NULL of workers that registered before there was this.
ALTER TABLE corebound_workers ADD COLUMN runs_on jsonb;

-- The plan with which the first run began, and that of the newest one where there were several.
ALTER TABLE corebound_campaigns ADD COLUMN plans jsonb NOT NULL DEFAULT '[]';
