"""Scenario files that are wrong, and what is said of each."""

BAD = {
    # a file's text: what is said of it, after "FILE:"
    'model = "raft"\nexpect = "invald"\n': (
        "2: option 'expect' can't be used: expected valid, invalid, invalid:KIND or unknown, found "
        "'invald'. Did you mean 'invalid'?"
    ),
    'model = "raft"\nexpect = "invald:G0"\n': (
        "2: option 'expect' can't be used: expected valid, invalid, invalid:KIND or unknown, found "
        "'invald:G0'. Did you mean 'invalid:G0'?"
    ),
    'model = "raft"\nexpect = "whatever"\n': (
        "2: option 'expect' can't be used: expected valid, invalid, invalid:KIND or unknown, found "
        "'whatever'."
    ),
    'model = "raft"\nexpect = "invalid:"\n': (
        "2: option 'expect' can't be used: expected invalid:KIND, such as invalid:G-single, or "
        "several with commas between, found 'invalid:'. Did you mean 'invalid'?"
    ),
    'model = "raft"\nexpect = "valid:G0"\n': (
        "2: option 'expect' can't be used: expected valid, invalid, invalid:KIND or unknown, found "
        "'valid:G0'. Did you mean 'valid'?"
    ),
    'model = "raft"\nexpect = "invalid:G0,elction-safety"\n': (
        "2: option 'expect' can't be used: expected a way to fail, such as nonlinearizable, "
        "liveness or G-single, found 'elction-safety'. Did you mean 'election-safety'?"
    ),
    'model = "raft"\nexpect = "invalid:xyzzy"\n': (
        "2: option 'expect' can't be used: expected a way to fail, such as nonlinearizable, "
        "liveness or G-single, found 'xyzzy'. See 'clew list kinds'."
    ),
    'model = "raft"\nexpect = 1\n': ("2: option 'expect' can't be used: expected a text, found 1."),
    'model = "raft"\n\nschedule = "pct:21"\n': (
        "3: option 'schedule' can't be used: expected {schedules}, found 'pct:21'."
    ),
    'model = "raft"\nschedule = "pcd"\n': (
        "2: option 'schedule' can't be used: expected {schedules}, found 'pcd'. Did you mean 'pct'?"
    ),
    'model = "raft"\nruns = 0\n': (
        "2: option 'runs' can't be used: expected a whole number from 1, found 0."
    ),
    'model = "raft"\nruns = true\n': (
        "2: option 'runs' can't be used: expected a value other than true and false, found True."
    ),
    'model = "raft"\nseed = -1\n': (
        "2: option 'seed' can't be used: expected a whole number from 0, found -1."
    ),
    'model = "raft"\ntime_limit = "x"\n': (
        "2: option 'time_limit' can't be used: expected a number of seconds above 0, found 'x'."
    ),
    'model = "raft"\nlatency = -0.5\n': (
        "2: option 'latency' can't be used: expected a number of milliseconds from 0, found -0.5."
    ),
    'model = "raft"\nnode_count = 3.5\n': (
        "2: option 'node_count' can't be used: expected a whole number from 1, found 3.5."
    ),
    'model = "raft"\nnode_count = 1001\n': (
        "2: option 'node_count' can't be used: expected a whole number up to 1,000, found 1001."
    ),
    'model = "raft"\nswarm = "yes"\n': (
        "2: option 'swarm' can't be used: expected true or false, found 'yes'."
    ),
    'model = "raft"\nassert = 3\n': (
        "2: option 'assert' can't be used: expected a list of texts, found 3."
    ),
    'model = "raft"\nrate = nan\n': (
        "2: option 'rate' can't be used: expected a finite number, found nan."
    ),
    'model = "raft"\n# a comment\n[faults]\nnemesis = "kill"\n': (
        "3: a scenario has no sections: expected an option and its value on each line, such as "
        "rate = 5, found [faults]. Write one scenario a file, and its options without a heading."
    ),
    '[[scenario]] # first\nmodel = "raft"\n': (
        "1: a scenario has no sections: expected an option and its value on each line, such as "
        "rate = 5, found [[scenario]]. Write one scenario a file, and its options without a "
        "heading."
    ),
    'model = "raft"\nnemesis = { kill = 1 }\n': (
        "2: option 'nemesis' can't be used: expected a list of texts, found {'kill': 1}."
    ),
    'model = "raft"\nfaults.kill = 1\n': "2: unknown option 'faults'. {known}.",
    'model = "raft"\nnemesis = [\n  "kill",\n  # more\n  3,\n]\n': (
        "5: option 'nemesis' can't be used: expected a text, found 3."
    ),
    'model = "raft"\nnemesis = [\n  "kill",\n\n  "partion",\n]\n': (
        "5: option 'nemesis' can't be used: expected one of {nemesis}, found 'partion'. Did you "
        "mean 'partition'?"
    ),
    'model = "rafft"\n': (
        "1: option 'model' can't be used: expected one of {model} or file.py or file.py:Class, "
        "found 'rafft'. Did you mean 'raft'?"
    ),
    'model = "raft"\nbug = "forgets-votes"\n': (
        "2: option 'bug' can't be used: expected one of {bugs}, found 'forgets-votes'. Did you "
        "mean 'forgets-vote'?"
    ),
    'model = "echo"\nbug = "forgets-vote"\n': (
        "2: option 'bug' can't be used: expected no such option with this model, found "
        "'forgets-vote'."
    ),
    'model = "n.py"\nworkload = "lin-vk"\n': (
        "2: option 'workload' can't be used: expected one of {workload} or "
        "file.py:Class, found 'lin-vk'. Did you "
        "mean 'lin-kv'?"
    ),
    'model = "gossip"\ntopology = "ring"\n': (
        "2: option 'topology' can't be used: expected one of {topology}, found 'ring'."
    ),
    'model = "raft"\nconsistency_models = ["serializable", "snapshto"]\n': (
        "2: option 'consistency_models' can't be used: expected one of {consistency_models}, found "
        "'snapshto'. Perhaps snapshot-isolation is meant."
    ),
    'model = "raft"\nassert = ["events > 1",\n  "events >> 1"]\n': (
        "3: option 'assert' can't be used: expected a figure, a comparison and a number, such as "
        "'servers.msgs_per_op < 30', found 'events >> 1'. 'clew test MODEL --json' prints the "
        "figures under 'statistics'."
    ),
    'model = "raft"\nlatency_dist = "exponentail"\n': (
        "2: option 'latency_dist' can't be used: expected 'constant', 'uniform', 'exponential' or "
        "'long-tailed', found 'exponentail'. Did you mean 'exponential'?"
    ),
    'description = """\nrate = 1\n"""\nmodel = "raft"\nrate = -1\nruns = 0\n': (
        "5: option 'rate' can't be used: expected a number of operations per second above 0, found "
        "-1."
    ),
    'expct = "valid"\nmodel = "raft"\n': "1: unknown option 'expct'. Did you mean 'expect'?",
    'model = "raft"\nregions = []\n': (
        "2: option 'regions' can't be used: expected at least two names of regions, such as eu,us; "
        "none of them twice, found []."
    ),
    'model = "raft"\nnodes = {}\n': (
        "2: option 'nodes' can't be used: expected ROLE=N for at least one role, such as "
        "controller=3, found {{}}."
    ),
    'model = "raft"\n\nnodes = []\n': (
        "3: option 'nodes' can't be used: expected ROLE=N for at least one role, such as "
        "controller=3, found []."
    ),
    'model = "raft"\nmodel = "abd"\n': "2: this is not TOML: Cannot overwrite a value.",
}
