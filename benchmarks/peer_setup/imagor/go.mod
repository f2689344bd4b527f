module imagemill.bench/imagor

go 1.24.2

require github.com/cshum/imagor v1.6.0
