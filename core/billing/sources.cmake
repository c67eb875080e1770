target_sources(callboard_core PRIVATE billing/prices.cpp)
