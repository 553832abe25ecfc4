-- What everybody reads, and the tables of one generation behind it.
CREATE DATABASE IF NOT EXISTS $public $on_cluster;

CREATE DATABASE IF NOT EXISTS $derived $on_cluster;
