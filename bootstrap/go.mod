module sensor-backend/bootstrap

go 1.26
