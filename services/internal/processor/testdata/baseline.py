"""What a straightforward script makes of a sensor file: the baseline of BenchmarkProcess.

It parses and validates rows, tells those three deviations off the mean, and
writes packed NDJSON. Usage: baseline.py IN OUT; prints the number of readings.
"""

import csv
import datetime
import gzip
import json
import math
import sys

rows, mean, squares = 0, 0.0, 0.0
with open(sys.argv[1], newline="") as source, gzip.open(sys.argv[2], "wt", compresslevel=1) as out:
    for timestamp, value in csv.reader(source):
        at = datetime.datetime.strptime(timestamp, "%Y-%m-%d %H:%M:%S").replace(tzinfo=datetime.timezone.utc)
        number = float(value)
        if not math.isfinite(number) or not 1970 <= at.year <= 2100:
            continue
        rows += 1
        deviation = math.sqrt(squares / rows)
        anomaly = rows > 100 and abs(number - mean) > 3 * deviation
        delta = number - mean
        mean += delta / rows
        squares += delta * (number - mean)
        reading = {"sensor_id": "boiler", "metric": "value", "timestamp": at.isoformat(), "value": number}
        if anomaly:
            reading["anomaly"] = True
        json.dump(reading, out)
        out.write("\n")
print(rows)
