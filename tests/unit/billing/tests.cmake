list(APPEND unit_sources unit/billing/block_book_test.cpp unit/billing/explanation_test.cpp
  unit/billing/prices_test.cpp unit/billing/verification_test.cpp)
