callboard_embed_sql(callboard_storage)
target_sources(callboard_storage PRIVATE
  connection.cpp
  embedded_cluster.cpp
  journal.cpp
  key_ring.cpp
  migrator.cpp
  sealing.cpp
  server_process.cpp
  statement.cpp
  store.cpp
  data_keys.cpp
  transaction.cpp)
