-- Every webhook that arrived has one outcome (docs/analysts.md, question 12).
SELECT * FROM {{ source('telemetry', 'ledger') }} WHERE difference != 0
