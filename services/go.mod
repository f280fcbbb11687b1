module sensor-backend/services

go 1.26
