//! Multi-row statements in few different lengths, so that each is prepared once per connection.

use sqlx::mysql::MySqlArguments;
use sqlx::query::Query;
use sqlx::{AssertSqlSafe, MySql, MySqlConnection};

/// Rows per statement; a batch is cut into these.
const LENGTHS: [usize; 5] = [256, 64, 16, 4, 1];
/// Bytes per statement, well below `max_allowed_packet`.
const BYTES_MAX: usize = 4 << 20;

/// One table's way of writing rows.
pub(super) struct Insert {
    /// `INSERT INTO … (…) VALUES `.
    pub(super) head: &'static str,
    /// Columns per row.
    pub(super) columns: usize,
    /// ` ON DUPLICATE KEY UPDATE …`, or nothing.
    pub(super) tail: &'static str,
}

type Bound<'q> = Query<'q, MySql, MySqlArguments>;

impl Insert {
    /// Writes all rows, which must be sorted by primary key: rows locked in different orders deadlock.
    pub(super) async fn run<T: Sync>(
        &self,
        connection: &mut MySqlConnection,
        rows: &[T],
        bytes: impl Fn(&T) -> usize,
        bind: impl for<'q> Fn(Bound<'q>, &'q T) -> Bound<'q>,
    ) -> Result<(), sqlx::Error> {
        let mut rest = rows;
        while !rest.is_empty() {
            let (chunk, after) = rest.split_at(chunk_len(rest, &bytes));
            let sql = self.sql(chunk.len());
            let query = chunk.iter().fold(sqlx::query(AssertSqlSafe(sql)), &bind);
            query.execute(&mut *connection).await?;
            rest = after;
        }
        Ok(())
    }

    fn sql(&self, rows: usize) -> String {
        let row = format!("({})", vec!["?"; self.columns].join(","));
        format!("{}{}{}", self.head, vec![row; rows].join(","), self.tail)
    }
}

fn chunk_len<T>(rows: &[T], bytes: impl Fn(&T) -> usize) -> usize {
    let mut sum = 0_usize;
    let fitting = rows.iter().take_while(|row| {
        sum = sum.saturating_add(bytes(row));
        sum <= BYTES_MAX
    });
    let fitting = fitting.count();
    LENGTHS.into_iter().find(|&length| length <= fitting).unwrap_or(1)
}
