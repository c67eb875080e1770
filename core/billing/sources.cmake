target_sources(callboard_core PRIVATE billing/block_book.cpp billing/prices.cpp)
