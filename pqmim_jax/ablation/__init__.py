"""Ablations of masks and schedules: a grid of trainings and codings, its tables and its page.

Everything lies in a workdir that several processes may share; what is there is not done again:

    codes/KEY.npz           pictures as indices: crops to train on, pictures to evaluate on
    trained/KEY/            one MIM for each training: mim/metrics.jsonl, model/, done.json
    cells/KEY.json          one measured cell: a trained MIM, a schedule, a window
    locks/                  who works on what (flock: a dead process holds nothing)
    results.csv, .jsonl     the tidy table, no times in it; images.csv: for each picture
    comparisons.csv         paired differences against the reference, with intervals
    winners.csv             the cheapest schedule of each number of stages
    times.csv               seconds of encoding and decoding
    index.html, report.md   the page; figures/*.svg and *.png beside it
"""
