module imagemill.bench/imgproxy

go 1.24

require github.com/imgproxy/imgproxy/v2 v2.17.0
