-- Nobody asks for markets by their status any more.

ALTER TABLE markets DROP KEY markets_by_status;
