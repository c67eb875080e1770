list(APPEND unit_sources unit/billing/prices_test.cpp)
