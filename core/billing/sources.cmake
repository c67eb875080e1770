target_sources(callboard_core PRIVATE
  billing/allowance_book.cpp
  billing/block_book.cpp
  billing/minute_window.cpp
  billing/prices.cpp
  billing/request_limits.cpp)
