"""All that servers and commands import, for the process that they are forked from."""

from gql.cli.running import late

late("gql.cli.serving", "serve")
late("gql.cli.working", "work")
late("gql.cli.work", "fill")
late("gql.cli.automation_work", "apply")
late("domain.persistence.upgrading", "upgrade")
late("domain.messaging.redis_buckets", "RedisBuckets")
