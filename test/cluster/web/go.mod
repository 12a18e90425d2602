module spikegate.test/web

go 1.21
