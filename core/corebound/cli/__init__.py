"""The command line: a file for each command of ``main.COMMANDS``, which reads its options, has others work, and answers.

What several commands share: ``options`` and ``place`` (what they take), ``execution`` and ``recording`` (a campaign that is
run here), ``reach`` and ``following`` (a cluster's ledger, and its objects), ``slots``, ``genomes`` and
``campaign_file``. ``local_logs`` and ``cluster_logs`` are the two halves of ``logs``; ``relay`` is what runs a command in a
pod.
"""
