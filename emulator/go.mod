module sensor-backend/emulator

go 1.26
